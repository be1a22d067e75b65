"""What a run is: its steps, plans, costs and session; callable from Python."""
