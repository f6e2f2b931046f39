"""The pages for administrators: a list of each noun, a page of one, and endings that ask first."""
