"""Values and helpers that everything may use: findings, results, strict JSON, Markdown, schemas, text."""
