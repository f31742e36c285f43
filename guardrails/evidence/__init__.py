"""Evidence: what runs leave behind. Effects; nothing here is imported by a check."""
