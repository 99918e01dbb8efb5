"""Events: taken in from the API, and looked up where they went."""
