"""connector-runner: holds connections by lease, reads providers, and puts their records on the records topic."""
