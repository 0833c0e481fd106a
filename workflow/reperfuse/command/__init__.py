"""The command ``reperfuse``: a door to the workflow that is installed with this package."""
