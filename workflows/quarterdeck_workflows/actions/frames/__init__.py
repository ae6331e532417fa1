"""Take frames out of videos and pictures, and keep what a model read in each."""
