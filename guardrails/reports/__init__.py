"""Records → frozen facts → text, JSON, CSV, Markdown, HTML. Pure; nothing here writes or calls the network."""
