"""A worked example of a plugin: a layer, a dataset format, an exporter. See README.md."""
