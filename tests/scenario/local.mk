# Scenarios at the level of primitives.
