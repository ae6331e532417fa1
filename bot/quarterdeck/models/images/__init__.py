"""Draw pictures with the models of many vendors: one order, one result, checked before anybody sees it."""
