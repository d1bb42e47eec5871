# The HTTP front and mapping.
