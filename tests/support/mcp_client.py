"""The protocol's own client: starts `rollback-bot mcp`, lists its tools, and proposes."""

import asyncio
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(program, server, link):
    parameters = StdioServerParameters(
        command=program,
        args=["mcp", "--server", server],
        env={"ROLLBACK_BOT_TOKEN": os.environ["ROLLBACK_BOT_TOKEN"]},
    )
    async with stdio_client(parameters) as (reads, writes):
        async with ClientSession(reads, writes) as session:
            await session.initialize()
            tools = await session.list_tools()
            print(", ".join(tool.name for tool in tools.tools))
            proposed = await session.call_tool(
                "propose",
                {"service": "frontend", "because": "error rate is 6 %", "evidence": [link]},
            )
            print(proposed.structured_content["state"], proposed.is_error)
            refused = await session.call_tool("propose", {"service": "frontend", "evidence": [link]})
            print(refused.structured_content["refused"]["code"], refused.is_error)


asyncio.run(main(*sys.argv[1:]))
