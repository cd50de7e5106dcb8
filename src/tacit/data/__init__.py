"""Where rows live: blocks, sources, tables, readers."""
