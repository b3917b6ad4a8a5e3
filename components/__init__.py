"""Components written against convexsim, one folder each; a component knows no other one."""
