"""Mail: letters are posted with what they tell of, written in the reader's language, and sent."""
