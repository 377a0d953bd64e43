"""What requests and answers have in common."""

from typing import Annotated, Generic, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")


class Asked(BaseModel):
    """A body. Nothing is converted, and a field that is not described is refused: nothing is set by the way."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Answer(BaseModel):
    """Made of what a service returned: of that, only what is described here leaves."""

    model_config = ConfigDict(from_attributes=True)


class Pages(Answer, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    page: int = Field(description="The number of this page, from 1. What lies beyond the last is the last.", examples=[1])
    pages: int = Field(description="How many there are.", examples=[3])
    total: int = Field(description="How many items there are on all pages.", examples=[52])


Id = Annotated[str, Path(description="As a list or the answer to making it gave it.", max_length=64, examples=["b0Jq3vYx7mZr5sKd"])]
PageNumber = Annotated[int, Query(description="From 1.", ge=1, le=1_000_000)]
