"""What the commands that call the API share: who calls, moments, what is shown and how, and how failures are told."""
