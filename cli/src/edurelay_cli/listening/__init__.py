"""`edurelay listen`: an endpoint for as long as a process of this machine runs."""
