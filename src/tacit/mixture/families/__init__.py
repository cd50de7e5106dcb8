"""What a mixture is made of: one file a family, all with the contract of ``family.py``."""
