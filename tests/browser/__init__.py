"""The dashboards and notebooks as a person meets them: in a browser."""
