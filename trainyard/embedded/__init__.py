"""The embedded mode: everything on one machine, from one command, kept in one folder.

``launcher`` prepares the home and hands over to supervisord, which keeps the parts running;
``parts`` says what they are; ``announcer`` tells when one crashed; ``welcome`` prints the
address and trains the example.
"""
