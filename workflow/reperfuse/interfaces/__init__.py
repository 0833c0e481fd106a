"""Every step of the workflow as a Nipype interface."""
