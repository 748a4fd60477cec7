"""HTTP words: routes, who may use them, and errors as problem documents."""
