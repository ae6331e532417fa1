"""Check what rows alone cannot: names, kinds, order and reach of what a workflow says."""
