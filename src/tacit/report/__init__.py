"""The page: findings as one HTML file that needs nothing but a browser."""

from .page import page as page
