"""What the clinical columns of a simulated study hold."""

_YES_NO = {"0": "no", "1": "yes"}

#: The data dictionary of participants.tsv.
COLUMNS = {
    "age": {"Description": "Age", "Units": "year"},
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
    "side": {"Description": "Side of the stroke", "Levels": {"left": "left", "right": "right"}},
    "onset_time": {"Description": "Onset of symptoms, or last seen well"},
    "treatment_time": {"Description": "End of the treatment"},
    "mtici": {"Description": "Modified Thrombolysis in Cerebral Infarction score after treatment"},
    "nihss_baseline": {"Description": "NIH Stroke Scale on admission"},
    "nihss_24h": {"Description": "NIH Stroke Scale at 24 h"},
    "nihss_day5": {"Description": "NIH Stroke Scale at day 5"},
    "nihss_day30": {"Description": "NIH Stroke Scale at day 30"},
    "mrs_premorbid": {"Description": "Modified Rankin Scale before the stroke"},
    "mrs_90d": {"Description": "Modified Rankin Scale at 90 days; 6: dead"},
    "death_90d": {"Description": "Dead at 90 days", "Levels": _YES_NO},
    "tpa": {"Description": "Intravenous thrombolysis", "Levels": _YES_NO},
    "glucose": {"Description": "Glucose on admission", "Units": "mg/dL"},
    "hypertension": {"Description": "Hypertension before the stroke", "Levels": _YES_NO},
    "diabetes": {"Description": "Diabetes before the stroke", "Levels": _YES_NO},
    "atrial_fibrillation": {"Description": "Atrial fibrillation, known or found", "Levels": _YES_NO},
    "occlusion_site": {
        "Description": "Most proximal artery occluded",
        "Levels": {
            "ICA": "intracranial internal carotid artery",
            "M1": "first segment of the middle cerebral artery",
            "M2": "its second segment",
        },
    },
    "passes": {"Description": "Passes of the thrombectomy device"},
    "onset_to_reperfusion_min": {"Description": "Time from onset to the end of the treatment", "Units": "min"},
    "anaesthesia": {
        "Description": "Anaesthesia during the treatment",
        "Levels": {"general": "general", "sedation": "conscious sedation", "local": "local"},
    },
    "sich": {"Description": "Symptomatic intracranial haemorrhage", "Levels": _YES_NO},
    "ica_occlusion": {"Description": "Occlusion of the internal carotid artery", "Levels": _YES_NO},
    "hemorrhagic_transformation": {"Description": "Bleeding into the infarct", "Levels": _YES_NO},
    "reocclusion": {"Description": "Artery occluded again after treatment", "Levels": _YES_NO},
}
