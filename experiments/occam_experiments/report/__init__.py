"""Reports: pages from the results of a sweep."""
