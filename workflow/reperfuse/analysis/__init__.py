"""Tables in, statistics out."""
