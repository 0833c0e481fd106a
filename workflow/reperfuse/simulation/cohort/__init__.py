"""A cohort of stroke patients as the tables of a study, with known effects."""
