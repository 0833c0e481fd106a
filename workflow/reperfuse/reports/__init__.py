"""Figures and pages made from finished files; nothing is computed here."""
