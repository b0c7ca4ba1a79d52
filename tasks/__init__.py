"""Tasks: one cached stage a module, the cache, the artifact store and the only user of Great Expectations."""
