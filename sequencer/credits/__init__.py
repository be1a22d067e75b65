"""Who is heard when, and the credits in every form."""
