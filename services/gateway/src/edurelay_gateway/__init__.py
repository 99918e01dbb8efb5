"""The gateway: the API and its documented faces, authentication, and the intake of events and webhooks."""
