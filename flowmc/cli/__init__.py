"""The command line: `flowmc run CONFIG.toml -o OUT` and what looks at its results."""

__all__: list[str] = []
