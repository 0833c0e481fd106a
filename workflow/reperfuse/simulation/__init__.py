"""A serial stroke study with exactly known truth.

``anatomy`` is the head, ``hemodynamics`` the passage of contrast through it, ``scanner`` what an MR scanner
makes of both, ``patients`` the disease over time, ``truth`` what is known about it and ``study`` the BIDS folder.
"""
