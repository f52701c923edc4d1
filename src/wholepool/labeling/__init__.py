"""A folder of images in, labels for all of them out: what people answer, and what it adds up to.

An image is known by the SHA-256 of its file's bytes, in lower-case hexadecimal: its image id.
"""
