"""A folder of images and a person who labels: what is read, asked and kept."""
