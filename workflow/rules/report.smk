# Needs: finished maps and measures.
# Gives: figures, and a page for each patient and for the study.
REPORTS = []
