"""What runs leave behind. Effects; no check imports it."""
