"""From a DSC series to perfusion maps."""
