"""Know who somebody is: accounts, roles, groups, and how two accounts become one person."""
