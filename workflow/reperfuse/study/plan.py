"""What can be computed of a study, and which file answers each question a rule asks.

A question is answered for a patient (``subject``) and a session by their labels. A file that cannot be made is an
empty list: to Snakemake, an input that is not there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from reperfuse.study.clinical import ClinicalData
from reperfuse.study.given import UNREADABLE
from reperfuse.study.manifest import Manifest
from reperfuse.study.names import AFTER, COMPARISONS, KINDS, PERFUSION, RESULTS, Names
from reperfuse.study.ratings import Ratings

#: A path, or nothing.
File = str | list[str]


@dataclass(frozen=True)
class Plan:
    """What can be computed of a study.

    Attributes
    ----------
    manifest : Manifest
    names : Names
    clinical : ClinicalData
    config : mapping
        The checked configuration.
    reflow_settings : mapping
        What counts as impaired reflow, see `reperfuse.study.options.read_reflow`.
    definitions : mapping
        Every definition of it, see `reperfuse.study.options.read_definitions`.
    ratings : Ratings
        What readers say of the sessions.
    """

    manifest: Manifest
    names: Names
    clinical: ClinicalData
    config: Mapping[str, Any]
    reflow_settings: Mapping[str, Any]
    definitions: Mapping[str, Mapping[str, Any]]
    ratings: Ratings = field(default_factory=Ratings)

    # --- what a session and a patient have -------------------------------------------------------

    @cached_property
    def subjects(self) -> list[str]:
        """The patients, in order."""
        return sorted(self.manifest.sessions)

    def sessions(self, subject: str) -> list[str]:
        """Return the sessions of a patient."""
        return list(self.manifest.sessions[subject])

    def role(self, subject: str, session: str) -> str:
        """Return the role of a session, empty if it has none."""
        return self.manifest.role(subject, session)

    def has(self, subject: str, session: str | None, *kinds: str) -> bool:
        """Tell whether a session has a usable scan of each kind; alternatives are written with a bar: "dwi|adc"."""
        return session is not None and all(self.manifest.has(subject, session, *kind.split("|")) for kind in kinds)

    def perfusion(self, subject: str, session: str) -> str:
        """Return the kind of the session's perfusion scan: dsc, ctp or asl; empty if it has none."""
        scan = self.manifest.find(subject, session, *PERFUSION)
        return scan.kind if scan else ""

    @property
    def has_bolus_alone(self) -> bool:
        """Whether some session has a DSC or CT series and no diffusion."""
        pairs = ((subject, session) for subject in self.subjects for session in self.sessions(subject))
        return any(self.has(*pair, "dsc|ctp") and not self.has(*pair, "dwi|adc") for pair in pairs)

    def roles(self, subject: str) -> dict[str, str]:
        """Return the role of each of the patient's sessions that has one."""
        found = {session: self.role(subject, session) for session in self.sessions(subject)}
        return {session: role for session, role in found.items() if role}

    def lesion_datatype(self, subject: str) -> str | None:
        """Return the datatype that the follow-up lesion is drawn on: diffusion before FLAIR; None without either."""
        session = self.manifest.session_of(subject, "followup")
        return next((name for name in ("dwi", "anat") if self.has(subject, session, "|".join(KINDS[name]))), None)

    def compares(self, subject: str, comparison: str, after: str = "post") -> bool:
        """Tell whether a patient's scans allow a comparison: lesion, growth, swelling; deficits or reflow `after`."""
        known = self._compared.get((subject, comparison, after))
        if known is None:
            known = self._compared[subject, comparison, after] = self._compares(subject, comparison, after)
        return known

    @cached_property
    def _compared(self) -> dict[tuple[str, str, str], bool]:
        """What `compares` has answered: a large study asks a million times."""
        return {}

    def _compares(self, subject: str, comparison: str, role: str) -> bool:
        before, after, later = (self.manifest.session_of(subject, one) for one in ("baseline", role, "followup"))
        has_lesion = self.lesion_datatype(subject) is not None
        if comparison == "lesion":
            return has_lesion
        if comparison == "growth":
            return has_lesion and self.has(subject, before, "dwi|adc|ctp")
        if comparison == "swelling":
            # of another pair, such as FLAIR and b = 0, contrast would be taken for displacement
            wanted = bool(self.config["growth"]["undo_swelling"])
            return wanted and self.has(subject, before, "dwi") and self.has(subject, later, "dwi")
        if comparison == "deficits":
            return self.has(subject, before, "dsc|ctp") and self.has(subject, after, "dsc|ctp")
        judged_in = self.reflow_settings["lesion_source"]
        if judged_in == "followup":
            return has_lesion and self.has(subject, after, "|".join(PERFUSION))
        kinds = ("dsc|ctp", "dwi|adc") if judged_in == "core" else ("dsc|ctp",)
        return self.has(subject, before, *kinds) and self.has(subject, after, "dsc|ctp")

    def makes(self, name: str, subject: str, session: str | None, datatype: str | None = None) -> bool:
        """Tell whether a result can be made of a session."""
        result = RESULTS[name]
        role = self.role(subject, session) if session else ""
        if session is None or (result.roles and role not in result.roles):
            return False
        if result.unless and self.has(subject, session, result.unless):
            return False
        if result.folder == "{datatype}" and not (datatype and self.has(subject, session, "|".join(KINDS[datatype]))):
            return False
        after = role if role in AFTER else "post"
        return all(
            self.compares(subject, need, after) if need in COMPARISONS else self.has(subject, session, need)
            for need in result.needs
        )

    # --- scans and results -----------------------------------------------------------------------

    def raw(self, kind: str, subject: str, session: str, unless: str | None = None) -> File:
        """Return the session's raw scan of a kind; nothing if one of the kind `unless` is used in its place."""
        scan = self.manifest.find(subject, session, kind)
        if scan is None or (unless and self.has(subject, session, unless)) or f'"{UNREADABLE}":' in scan.settings:
            return []
        return scan.path

    def needed(self, kind: str, subject: str, session: str) -> str:
        """Return the session's raw scan of a kind that a step cannot do without.

        Where the session has none, this is a path that does not exist: of rules that make the same file, Snakemake then
        takes the one of the kind that the session has.
        """
        scan = self.raw(kind, subject, session)
        return scan if isinstance(scan, str) else f"no {kind} scan"

    def where_made(self, name: str, subject: str, session: str) -> File:
        """Return nothing in a session that makes a result, else a path that does not exist, as `needed` does."""
        return [] if self.makes(name, subject, session) else f"no {name}"

    def unreadable(self, kind: str, subject: str, session: str) -> str:
        """Return why a file given for a step cannot be read, empty if it can: the step has no result then."""
        return str(self.setting(kind, UNREADABLE, subject, session, default=""))

    def setting(self, kind: str, key: str, subject: str, session: str, default: Any = None) -> Any:
        """Return what the manifest says of the session's scan."""
        scan = self.manifest.find(subject, session, *kind.split("|"))
        return json.loads(scan.settings).get(key, default) if scan else default

    def own(self, name: str, subject: str, session: str | None, datatype: str | None = None) -> File:
        """Return a result of the session itself."""
        made = self.makes(name, subject, session, datatype)
        return self.names.path(name, subject, session, datatype=datatype) if made else []

    def moco(self, subject: str, session: str) -> str:
        """Return the realigned series of the session's perfusion scan."""
        kind = self.perfusion(subject, session)
        return self.names.path("moco_ctp" if kind == "ctp" else "moco", subject, session)

    def resampled(self, name: str, subject: str, session: str) -> File:
        """Return a result that intervals are made of, if the study wants any."""
        return self.own(name, subject, session) if self.config["intervals"]["resamples"] else []

    def each(self, name: str, subject: str, datatype: str | None = None) -> list[str]:
        """Return a result of each of the patient's sessions that has it."""
        sessions = self.sessions(subject)
        return [
            self.names.path(name, subject, ses, datatype=datatype)
            for ses in sessions
            if self.makes(name, subject, ses, datatype)
        ]

    def of_role(self, role: str, name: str, subject: str, datatype: str | None = None) -> File:
        """Return a result of the patient's session with a role."""
        return self.own(name, subject, self.manifest.session_of(subject, role), datatype)

    def with_lesion(self, name: str, subject: str) -> File:
        """Return a result of the follow-up session, on the grid of its lesion."""
        datatype = self.lesion_datatype(subject)
        return self.of_role("followup", name, subject, datatype) if datatype else []

    def if_role(self, own: str, role: str, name: str, subject: str, session: str) -> File:
        """Return a result of the patient's session with a role, if this session's role is `own`."""
        return self.of_role(role, name, subject) if self.role(subject, session) == own else []

    # --- images and transforms -------------------------------------------------------------------

    def given_brain(self, subject: str, session: str, datatype: str) -> File:
        """Return the study's own brain mask of a datatype of the session."""
        return self.raw(f"brain_{datatype}", subject, session)

    def unreadable_brain(self, subject: str, session: str, datatype: str) -> str:
        """Return why the study's own brain mask cannot be read, empty if it can."""
        return self.unreadable(f"brain_{datatype}", subject, session)

    def reference(self, subject: str, session: str, datatype: str) -> File:
        """Return the image that stands for a datatype of the session."""
        if datatype == "anat":
            return self.raw("flair", subject, session)
        return self.own({"perf": "dscref", "dwi": "dwiref"}[datatype], subject, session)

    def followup_reference(self, subject: str) -> File:
        """Return the image that the follow-up lesion is drawn on."""
        session, datatype = self.manifest.session_of(subject, "followup"), self.lesion_datatype(subject)
        return self.reference(subject, session, datatype) if session and datatype else []

    def lesion_image(self, subject: str, session: str, datatype: str) -> File:
        """Return the image in which an automatic lesion is looked for: the trace image, else FLAIR."""
        return self.own("trace", subject, session) if datatype == "dwi" else self.raw("flair", subject, session)

    def flair_drawn_on(self, what: str, subject: str) -> File:
        """Return the FLAIR image (``image``) or its brain, if the follow-up lesion is drawn on it."""
        if self.lesion_datatype(subject) != "anat":
            return []
        return self.followup_reference(subject) if what == "image" else self.with_lesion(what, subject)

    def expert_datatype(self, subject: str, session: str) -> str:
        """Return the datatype of the session's expert mask, empty if it has none."""
        return str(self.setting("lesion", "datatype", subject, session, default=""))

    def expert_transform(self, subject: str, session: str) -> File:
        """Return the transform between the lesion's grid and an expert's mask drawn on another scan."""
        if self.lesion_datatype(subject) != "dwi":
            return []
        name = {"anat": "flair_to_dwi", "perf": "dwi_to_dscref"}.get(self.expert_datatype(subject, session))
        return self.own(name, subject, session) if name else []

    def chain_to_followup(self, subject: str, session: str) -> list[str]:
        """Return the transforms from the session's perfusion space to the follow-up lesion."""
        if not self.has(subject, session, "dwi|adc"):
            return [self.names.path("to_followup", subject, session, datatype="perf")]
        return [
            self.names.path("dwi_to_dscref", subject, session),
            self.names.path("to_followup", subject, session, datatype="dwi"),
        ]

    def followed_up(self, subject: str) -> list[str]:
        """Return the transforms to the follow-up lesion that growth and reflow rest on, of diffusion or else of CT."""
        found = []
        for session in self.sessions(subject):
            is_flow, has_diffusion = self.makes("flow_change", subject, session), self.has(subject, session, "dwi|adc")
            used = self.makes("change", subject, session) or self.makes("lesion_dscref", subject, session)
            if is_flow or (has_diffusion and used):
                datatype = "perf" if is_flow else "dwi"
                found.append(self.names.path("to_followup", subject, session, datatype=datatype))
        return found

    def cores_in_perfusion(self, subject: str) -> list[str]:
        """Return the core of each of the patient's sessions in its perfusion space, of diffusion or of blood flow."""
        return self.each("core_dscref", subject) + self.each("flow_core", subject)

    def distortion_axis(self, subject: str, session: str) -> str:
        """Return the voxel axis along which the session's diffusion is distorted: none if that is not to be undone."""
        asked = str(self.config["registration"]["distortion_axis"])
        if asked != "sidecar":
            return asked
        return str(self.setting("dwi|adc", "phase_encoding_axis", subject, session, default="unknown"))

    def reflow_lesions(self, subject: str) -> list[str]:
        """Return the lesion in which reflow is judged, in the perfusion space of each session after treatment."""
        source = self.reflow_settings["lesion_source"]
        lesions = (self.lesion_after(source, subject, session) for session in self.sessions(subject))
        return [lesion for lesion in lesions if isinstance(lesion, str)]

    def lesion_after(self, lesion_source: str, subject: str, session: str) -> File:
        """Return a lesion that some definition of reflow is judged in, in the session's perfusion space."""
        if lesion_source == "followup":
            return self.own("lesion_dscref", subject, session)
        settings = (self.reflow_settings, *self.definitions.values())
        is_asked = any(one["lesion_source"] == lesion_source for one in settings)
        masks = {"core": ("core_dscref", "baseline_core"), "deficit": ("tmax6", "baseline_tmax6")}
        mask, brought = masks[lesion_source]
        return self.own(brought, subject, session) if is_asked and self.of_role("baseline", mask, subject) else []
