# The contract of the store, held against every store.
