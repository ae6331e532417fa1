"""Take every event the same way: store, order, understand, authorise, answer, store, send."""
