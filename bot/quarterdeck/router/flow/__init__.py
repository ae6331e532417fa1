"""Keep the order and the measure of work: lanes, fair shares, limits, a good end."""
