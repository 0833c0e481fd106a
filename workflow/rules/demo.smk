# Needs: nothing.
# Gives: the raw scans of the demo study, in the plan of a dry run alone: a run simulates them before it reads the rules.

if is_missing and workflow.output_settings.dryrun:

    rule simulate_demo:
        output:
            demo.files_of(MANIFEST),
        message:
            "simulating the demo study"
