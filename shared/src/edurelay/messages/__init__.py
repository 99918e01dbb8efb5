"""What the services say to each other over Kafka, one module a topic. The public contract is in `edurelay.events`."""
