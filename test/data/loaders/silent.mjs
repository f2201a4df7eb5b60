// A module that serves nothing.
export {};
