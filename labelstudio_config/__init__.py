"""What annotators see in Label Studio: `interface` fills the templates beside it."""
