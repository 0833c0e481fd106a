"""Tables in, statistics out: the analysis of a study."""
