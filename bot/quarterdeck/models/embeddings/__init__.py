"""Turn text into vectors with the models of many vendors, in batches that each takes."""
