"""A serial stroke study with exactly known truth.

``anatomy`` is the head, ``hemodynamics`` the passage of a bolus, ``physiology`` the perfusion and water of
tissue, ``patients`` the disease over time, ``protocols`` the scans, ``scene``, ``coil``, ``spin_history`` and
``scanner`` what is recorded of them, ``truth`` what is known and ``study`` the BIDS folder. ``hard_series`` draws
DSC series as hard as real ones, ``damage`` spoils single frames of them.
"""
