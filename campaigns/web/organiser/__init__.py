"""The organisers' pages, behind sign-in: read the domain, call its functions, and decide nothing themselves."""
