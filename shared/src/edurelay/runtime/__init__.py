"""What every process needs before it does anything: settings, logs, metrics, traces, and a clean start and stop."""
